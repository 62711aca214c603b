"""Apple's push service: notifications to iPhones, iPads and Macs."""
