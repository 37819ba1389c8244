SELECT digest
  FROM packs_in_force() AS digest
