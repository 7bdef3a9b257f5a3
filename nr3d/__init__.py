"""Single-image 3D reconstruction with a bundled neural mesh renderer."""
