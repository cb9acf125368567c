/* The C interface from C: no C++ and no Python. Exit status 0 when every check holds. */
#include <stdio.h>

#include "check.h"

int main(void) {
    void* streams[] = {NULL, STEEPEST_STREAM_EMULATED};
    test_library();
    test_rules();
    for (int i = 0; i < 2; ++i) {
        test_stream = streams[i];
        test_adamw();
        test_lamb();
        test_list_sums();
        test_errors();
        test_gradients();
    }
    test_normalize();
    test_line_sums();
    test_pairs();
    test_products();
    test_orthogonalize();
    test_spectral();
    test_symbol();
    test_reports();
    test_lines();
    test_device();
    test_probes();
    test_mkor();
    test_oasis();
    test_distributed();
    printf("steepest %s on %s: all checks of the C interface hold\n", steepest_version(),
           steepest_cpu_active());
    return 0;
}
