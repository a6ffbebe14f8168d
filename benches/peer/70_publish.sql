-- One file per mart.
copy ledger
    to '{out}/contribution_ledger.parquet' (format parquet, compression zstd, compression_level 1);
copy channel_contribution_daily
    to '{out}/channel_contribution_daily.parquet' (format parquet, compression zstd, compression_level 1);
copy channel_contribution_monthly
    to '{out}/channel_contribution_monthly.parquet' (format parquet, compression zstd, compression_level 1);
copy product_contribution_monthly
    to '{out}/product_contribution_monthly.parquet' (format parquet, compression zstd, compression_level 1);
copy basis_bridge
    to '{out}/basis_bridge.parquet' (format parquet, compression zstd, compression_level 1);
copy suspense_items
    to '{out}/suspense_items.parquet' (format parquet, compression zstd, compression_level 1);
copy quarantined_rows
    to '{out}/quarantined_rows.parquet' (format parquet, compression zstd, compression_level 1);
copy reconciliation
    to '{out}/reconciliation.parquet' (format parquet, compression zstd, compression_level 1);
