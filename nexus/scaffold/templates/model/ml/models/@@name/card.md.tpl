# Model @@name of workspace `$workspace`

**$title** A probability for each customer, at the end of a day, with the features that speak most for it.

## Meant for

Say here which decision it is made for, and which it must not be used for.

## Verdict

$verdict

Measured on $tested rows of later moments than any that was learned from (95 % intervals over $draws draws of customers):

| measure | trees | baseline | difference |
|---|---|---|---|
$measures

Base rate $base_rate; always saying the base rate of the past has a Brier score of $base_rate_brier. The tenth with the
highest scores holds $lift times as many positives as a tenth chosen by lot. Expected calibration error: $ece.

| tested at | rows learned from | rows tested | positive | AUC trees | AUC baseline |
|---|---|---|---|---|---|
$folds

## Learned from

- feature service `$service` ($features features), label `$label`, known $horizon days later
- warehouse version `$version`, training set sha256 `$sha256`
- $rows rows of $customers customers, $positives of them positive, snapshots $first to $last
- code at commit `$commit`

## Made of

Gradient-boosted trees (LightGBM, text format), calibrated on held-out later months. Baseline: logistic regression on
$baseline. What moves the scores most (mean absolute log-odds):

$importance

## Known limits

- The best single feature is `$single` with an AUC of $single_auc; training refuses one that would speak of the future.
- It learns from this workspace alone. Reasons say what the model reacts to, not what causes anything.
