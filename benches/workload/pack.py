#!/usr/bin/env python3
"""Writes the rules of a workload as a pack: pack.py RULES.json > PACK.bylaw

RULES.json lists rules of four shapes: the latest row of each venture; its last 30 days against the 30 before; the
allocations of each resource; the portfolio. A rule that is violated fires."""
import json
import sys

CONTRACTS = """\
contract ventures, each a venture
  because "The companies of the workload."
  one row per id
  id      id
  name    text
  status  one of active, paused or exited
  sector  text

contract resources, each a resource
  because "What ventures share."
  one row per id
  id    id
  name  text
  kind  one of person, gpu, room or budget

contract venture_metrics, each a reading
  because "A row for each venture and day."
  one row per venture_id and recorded_at
  dated by recorded_at
  venture_id       id of ventures
  recorded_at      date
  monthly_revenue  number, at least 1
  monthly_burn     number, at least 1
  user_count       number, at least 1

contract venture_resource_allocations, each an allocation
  because "Who has how much of what."
  one row per id
  id                     id
  resource_id            id of resources
  venture_id             id of ventures
  allocation_percentage  number, at least 1
  status                 one of active, planned or ended
"""

METRICS = """\
metric revenue per venture = latest monthly_revenue in venture_metrics

metric burn per venture = latest monthly_burn in venture_metrics

metric users per venture = latest user_count in venture_metrics

metric net_burn per venture = burn - revenue

metric sum_rev per venture = sum of monthly_revenue in venture_metrics within last 30 days

metric sum_burn per venture = sum of monthly_burn in venture_metrics within last 30 days

metric avg_burn per venture = average of monthly_burn in venture_metrics within last 30 days

metric max_users per venture = max of user_count in venture_metrics within last 30 days

metric avg_rev per venture = average of monthly_revenue in venture_metrics within last 30 days

metric min_rev per venture = min of monthly_revenue in venture_metrics within last 30 days

metric sum_rev_before per venture = sum_rev at 30 days ago

metric avg_burn_before per venture = avg_burn at 30 days ago

metric max_users_before per venture = max_users at 30 days ago

metric avg_rev_before per venture = avg_rev at 30 days ago

metric min_rev_before per venture = min_rev at 30 days ago

metric sum_active per resource = sum of allocation_percentage in venture_resource_allocations where status is active

metric cnt_active per resource = count of venture_resource_allocations where status is active

metric avg_active per resource = average of allocation_percentage in venture_resource_allocations where status is active

metric sum_planned per resource = sum of allocation_percentage in venture_resource_allocations where status is planned

metric sum_committed per resource
    = sum of allocation_percentage in venture_resource_allocations where status is one of active or planned

metric tot_burn = sum of burn over ventures where status is active

metric tot_rev = sum of revenue over ventures where status is active

metric tot_users = sum of users over ventures where status is active

metric burn_30 = sum of sum_burn over ventures where status is active

metric rev_30 = sum of sum_rev over ventures where status is active

metric tot_alloc = sum of allocation_percentage in venture_resource_allocations where status is active
"""

# What each expression of the workload compares, and in which direction it is violated.
VENTURE = {
    "burn_ratio": "burn is above {x} * revenue",
    "burn": "burn is above {x}",
    "rev_low": "revenue is below {x}",
    "users_low": "users is below {x}",
    "net": "net_burn is above {x}",
    "sum_rev": "sum_rev is below {x} * sum_rev_before",
    "avg_burn": "avg_burn is above {x} * avg_burn_before",
    "max_users": "max_users is below {x} * max_users_before",
    "avg_rev": "avg_rev is below {x} * avg_rev_before",
    "min_rev": "min_rev is below {x} * min_rev_before",
}
RESOURCE = ["sum_active", "cnt_active", "avg_active", "sum_planned", "sum_committed"]
PORTFOLIO = {
    "tot_burn": "tot_burn is above {x}",
    "tot_rev": "tot_rev is below {x}",
    "tot_users": "tot_users is below {x}",
    "burn_share30": "burn_30 is above {x} * rev_30",
    "tot_alloc": "tot_alloc is above {x}",
}


def number(x):
    text = format(x, ".6f").rstrip("0").rstrip(".") if isinstance(x, float) else str(x)
    whole, _, rest = text.partition(".")
    return f"{int(whole):,}" + (f".{rest}" if rest else "")


def condition(rule):
    expr = rule["expr"]
    if rule["shape"] in (1, 2):
        return "per venture", "status is active and " + VENTURE[expr].format(x=f"limit_{rule['id']}")
    if rule["shape"] == 3:
        return "per resource", f"{expr} is above limit_{rule['id']}"
    return None, PORTFOLIO[expr].format(x=f"limit_{rule['id']}")


def main():
    rules = json.load(open(sys.argv[1]))
    print(CONTRACTS)
    print(METRICS)
    for rule in rules:
        per, when = condition(rule)
        x, low, high = number(rule["x"]), number(rule["x"] / 4), number(rule["x"] * 4)
        print(f"param limit_{rule['id']} = {x}, from {low} to {high}\n  because \"A limit of the workload.\"\n")
        head = f"trigger {rule['id']} \"{rule['id']}\"" + (f", {per}" if per else "")
        print(f"{head}\n  because \"A rule of the workload.\"\n  when {when}\n  check on change\n  severity low\n  tell chairman\n")


main()
