"""The classifiers that come with the gateway, one module each; a module's name is its name in policies."""
