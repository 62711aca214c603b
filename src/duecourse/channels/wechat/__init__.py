"""A WeChat service account: template and subscription messages, events, and the way to know whose an OpenID is."""
