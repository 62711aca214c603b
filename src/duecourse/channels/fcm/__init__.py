"""Firebase Cloud Messaging, HTTP v1: notifications to Android devices with Google's services, and others."""
