"""The loop as a stranger drives it: stories told over HTTP, with no room of ours behind them."""
