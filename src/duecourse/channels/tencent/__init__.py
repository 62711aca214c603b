"""Tencent Cloud: SMS and calls in mainland China and from there."""
