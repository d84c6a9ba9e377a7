"""One file per migration, in order; none is changed once it has shipped."""
