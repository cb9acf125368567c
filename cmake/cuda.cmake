# Finds CUDA unless told otherwise: sets STEEPEST_WITH_CUDA and the flags of device code.
set(STEEPEST_WITH_CUDA OFF)
if(STEEPEST_CUDA STREQUAL "AUTO")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --version OUTPUT_VARIABLE cuda_version)
    string(REGEX MATCH "release ([0-9.]+)" _ "${cuda_version}")
    if(CMAKE_MATCH_1 VERSION_LESS 12.4)
      message(STATUS "CUDA ${CMAKE_MATCH_1} is older than 12.4: building without CUDA")
    else()
      set(STEEPEST_WITH_CUDA ON)
    endif()
  endif()
elseif(STEEPEST_CUDA)
  set(STEEPEST_WITH_CUDA ON)
endif()
if(NOT STEEPEST_WITH_CUDA)
  return()
endif()

# Ampere and Hopper as machine code, and code that the driver compiles for what comes later.
set(STEEPEST_CUDA_ARCHITECTURES "80-real;90a-real;80-virtual" CACHE STRING "CUDA architectures")
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES ${STEEPEST_CUDA_ARCHITECTURES})
endif()
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.4)
  message(FATAL_ERROR "STEEPEST_CUDA: CUDA ${CMAKE_CUDA_COMPILER_VERSION} found, expected 12.4 or newer")
endif()

add_library(steepest_cuda_flags INTERFACE)
# The numerics contract on the device: no fused multiply-add, IEEE division and roots, denormals.
target_compile_options(steepest_cuda_flags INTERFACE $<$<COMPILE_LANGUAGE:CUDA>:
  -fmad=false -prec-div=true -prec-sqrt=true -ftz=false --expt-relaxed-constexpr --threads=0
  -Xcompiler=-ffp-contract=off,-Wall,-Wno-missing-field-initializers,-Wno-unknown-pragmas
  $<$<BOOL:${STEEPEST_WERROR}>:-Werror=all-warnings -Xcompiler=-Werror>>)
