"""Alipay: the page and mobile page to pay, asynchronous notifications, and the query of a trade."""
