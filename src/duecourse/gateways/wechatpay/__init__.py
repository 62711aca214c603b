"""WeChat Pay, API v3: orders for mobile pages (H5) and codes to scan (Native), sealed notifications, the query."""
