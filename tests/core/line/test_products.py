"""The demo line outlives a program update that comes with another backbone."""

from contextlib import closing
from pathlib import Path

import pytest

from almrr_core.line import products
from almrr_core.line.products import DEMO_PRODUCT, renew_demo, with_demo
from almrr_core.settings import Settings
from almrr_core.store.store import Store
from almrr_core.types import Actor
from tests.core.bundles import make_bundle, tiny_model

ANNA = Actor("anna")


@pytest.mark.parametrize(("packed", "versions"), [(False, 2), (True, 1)])
def test_the_demo_is_installed_again_only_where_its_backbone_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool, versions: int
) -> None:
    for seed, folder in enumerate(("old", "new")):
        make_bundle(tmp_path / folder, tiny_model(seed=seed), packed=packed)
    with closing(Store.open(tmp_path / "station")) as store:
        for folder in ("old", "old", "absent", "new", "new"):
            monkeypatch.setattr(products, "DEMO_BUNDLE", tmp_path / folder)
            settings = with_demo(store, Settings(), ANNA)
            renew_demo(store, "another product", ANNA)
            before = len(store.recipes(DEMO_PRODUCT))
            renew_demo(store, settings.product, ANNA)
        assert before == versions, "once is enough, and only for the demo line"
        recipes, models = store.recipes(DEMO_PRODUCT), store.models(DEMO_PRODUCT)
        assert (len(recipes), len(models)) == (versions, versions)
        active = store.active_recipe(DEMO_PRODUCT)
        assert active is not None
        assert active.model_id == max(models, key=lambda model: model.created_at).model_id
