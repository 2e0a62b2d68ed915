# A workflow with the label `hours: office` gets tokens in office hours alone, on the clock of the catalogue's time zone.
# Without the label it gets them at any hour; with another name at none.
package corridor.hours

open if not input.workflow.labels.hours

open if {
	input.workflow.labels.hours == "office"
	input.now.weekday in {"mon", "tue", "wed", "thu", "fri"}
	input.now.hour >= 8
	input.now.hour < 18
}
