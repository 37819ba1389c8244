SELECT claim_or_wait($1)
