"""Policy and template files: model, check, versions, diff."""
