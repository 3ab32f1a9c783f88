"""Makes pictures and text through paid services.

Knows each provider's wire format and manners; knows no database, no user and no environment. Every client
library is imported on first use, so importing this package costs nothing.
"""
