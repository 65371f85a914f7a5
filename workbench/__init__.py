"""Services: one for each thing people do; the only place where tuning and labeling meet. No page, no HTTP."""
