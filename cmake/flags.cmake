# Flags that every translation unit gets, as the target steepest_flags.
add_library(steepest_flags INTERFACE)
target_compile_features(steepest_flags INTERFACE cxx_std_20)

if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  # The numerics contract: no contraction into fma, no fast-math of any kind. The three flags that follow
  # change no result: nothing reads errno or the exception flags.
  target_compile_options(steepest_flags INTERFACE $<$<COMPILE_LANGUAGE:C,CXX>:
    -ffp-contract=off -fno-math-errno -fno-trapping-math
    -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers
    $<$<BOOL:${STEEPEST_WERROR}>:-Werror>>)
  if(STEEPEST_SANITIZE)
    # -O1: the optimizer spends many minutes on instrumented code and gains nothing for a check.
    target_compile_options(steepest_flags INTERFACE $<$<COMPILE_LANGUAGE:C,CXX>:
      -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer>)
    target_link_options(steepest_flags INTERFACE -fsanitize=address,undefined)
  endif()
endif()

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
