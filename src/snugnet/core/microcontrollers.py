"""Names of the microcontrollers whose costs are columns of the results."""

MICROCONTROLLERS = ("cortex-m0", "cortex-m4", "cortex-m33", "cortex-m55")
