"""Work nobody asked for just now: the outbox and the timers."""
