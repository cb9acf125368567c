/* The C interface from C: no C++ and no Python. Exit status 0 when every check holds. */
#include <stdio.h>

#include "check.h"

int main(void) {
    test_library();
    test_rules();
    test_adamw();
    test_lamb();
    test_errors();
    test_gradients();
    printf("steepest %s on %s: all checks of the C interface hold\n", steepest_version(),
           steepest_cpu_active());
    return 0;
}
