"""The rim towards browsers and platforms: blueprints."""
