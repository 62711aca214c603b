"""JPush (Aurora, 极光): notifications to the devices of mainland China, by its own and the makers' services."""
