"""Alibaba Cloud (Aliyun): SMS and calls in mainland China and from there."""
