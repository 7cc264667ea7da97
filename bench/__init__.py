"""Every figure that the README quotes, beside its floor, in one run: `python -m bench`."""
