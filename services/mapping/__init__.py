"""The meaning of a report at a site: `map_report(report, site)`; `read_site(text)` for the site file. No I/O."""
