"""SMART App Launch: discovery; the token door comes later."""

from service.http.smart import discovery

OPEN = discovery.OPEN
