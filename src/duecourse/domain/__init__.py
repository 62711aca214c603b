"""Money, schedules, days past due and the words the rooms share. Pure: no input or output."""
