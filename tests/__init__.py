"""Every test of Rubellite: see CONTRIBUTING.md for what goes where."""
