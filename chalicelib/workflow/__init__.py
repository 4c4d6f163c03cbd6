"""How sessions move: who may, grant, revoke, report, and who hears of it."""
