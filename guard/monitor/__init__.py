"""Whether there is more negative content than usual: audit records in, alerts out.

record ─`Monitor`→ counts per window and series ─`Watch`→ `Signal` ─→ `Alert` ─telling→ log line, webhook

- `cusum`   the statistic: one series of rates against its own history; pure
- `windows` what is counted of records, by category, tenant and model; pure
- `log`     records of a log, from its beginning and as they come
- `telling` an alert as a POST, with retries; `live` the gateway watches itself
"""

from __future__ import annotations
