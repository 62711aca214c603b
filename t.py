import time, cProfile
from datetime import date
from decimal import Decimal
from duecourse.domain.schedule import *

t = Terms(120000_00, Decimal("0.049"), 360, date(2026, 2, 28), started_on=date(2026, 1, 15), due_day=31)
s = time.time()
for _ in range(20):
    d = build_schedule(Method.ANNUITY, t)
print((time.time() - s) / 20)
for r in d[:3] + d[-2:]:
    print(r.number, r.due_on, r.days, r.principal_minor, r.interest_minor, r.due_minor, r.balance_minor)
cProfile.run("build_schedule(Method.ANNUITY,t)", sort="tottime")
