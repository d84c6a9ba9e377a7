"""What the views may call: QtCore only, no widgets. Each service says its changes by signals."""
