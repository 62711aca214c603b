"""Web push: notifications to browsers that subscribed on the lender's pages."""
