"""Whole referrals kept going while everything that can break is broken: `make chaos`."""
