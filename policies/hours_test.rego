package corridor.hours_test

import data.corridor.hours

at(labels, weekday, hour) := {"workflow": {"labels": labels}, "now": {"weekday": weekday, "hour": hour}}

office := {"hours": "office"}

test_open_at_any_hour_without_the_label if {
	hours.open with input as at({"environment": "production"}, "sun", 3)
}

test_open_in_office_hours if {
	every hour in [8, 12, 17] {
		hours.open with input as at(office, "mon", hour)
	}
}

test_closed_at_other_hours if {
	every hour in [0, 7, 18, 23] {
		not hours.open with input as at(office, "mon", hour)
	}
}

test_closed_at_the_weekend if {
	every weekday in ["sat", "sun"] {
		not hours.open with input as at(office, weekday, 12)
	}
}

test_closed_when_the_hours_are_unknown if not hours.open with input as at({"hours": "offcie"}, "mon", 12)

test_closed_without_a_clock if not hours.open with input as {"workflow": {"labels": office}}
