"""How long this machine takes from an image to an answer."""
