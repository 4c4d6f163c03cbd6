"""Names and signs that somebody may send to do harm."""

NAMES = (
    "x" * 1024,
    "&" * 600,
    "<" * 2500,
    "👩" * 1024,
    "```" * 700,
    "*_~`" * 300,
    "<!channel> <@U024BE7LH> <https://evil.example|click>",
    "Ann\n• *Report*: nothing was done\r\nBcc: eve@example.com\u2028x",
    "\u202eecila\u2066\u200b\x1b[2J\x07\x00",
    "\ud800half",
    "&amp;" * 400,
    "",
)
SIGNS = "aZ09 .@-&<>*`_~|^'\"\\\n\r\t\x00\x1b\x9b\u00e9\u05d0\u200b\u200d\u202e\u2028\u2066\ud800👩"
