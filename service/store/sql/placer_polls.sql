UPDATE placer SET tells = 'poll' WHERE tenant = $1 AND id = $2
