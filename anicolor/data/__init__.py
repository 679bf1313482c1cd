"""Training clips: animation drawn in code, and folders of colour frames with aligned line art."""
