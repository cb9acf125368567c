# libsteepest: the C ABI over all families. Exports steepest_* only.
find_package(OpenMP COMPONENTS CXX)  # for its thread setting
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(steepest SHARED
  csrc/core/abi.cpp
  csrc/core/cpu.cpp
  csrc/core/device_abi.cpp
  csrc/core/parallel.cpp
  csrc/core/pool.cpp
  csrc/curvature/abi.cpp
  csrc/curvature/call.cpp
  csrc/curvature/device/driver.cpp
  csrc/curvature/device/emulation.cpp
  csrc/curvature/device/image.cpp
  csrc/curvature/device/oasis_driver.cpp
  csrc/curvature/device/oasis_emulation.cpp
  csrc/curvature/device/rank_one_driver.cpp
  csrc/curvature/device/rank_one_emulation.cpp
  csrc/curvature/driver.cpp
  csrc/curvature/rank_one.cpp
  csrc/curvature/rank_one_abi.cpp
  csrc/curvature/oasis.cpp
  csrc/curvature/targets.cpp
  csrc/curvature/targets/baseline.cpp
  csrc/distributed/choice.cpp
  csrc/distributed/ef21.cpp
  csrc/distributed/ef21_add.cpp
  csrc/distributed/ef21_pack.cpp
  csrc/distributed/moments.cpp
  csrc/distributed/pack.cpp
  csrc/distributed/step.cpp
  csrc/distributed/targets.cpp
  csrc/distributed/targets/baseline.cpp
  csrc/distributed/vote.cpp
  csrc/norms/abi.cpp
  csrc/norms/cholesky.cpp
  csrc/norms/direct.cpp
  csrc/norms/device/above_driver.cpp
  csrc/norms/device/gradient_driver.cpp
  csrc/norms/device/gram_course.cpp
  csrc/norms/device/gram_driver.cpp
  csrc/norms/device/gram_emulation.cpp
  csrc/norms/device/gram_engine.cpp
  csrc/norms/device/report_driver.cpp
  csrc/norms/device/report_emulation.cpp
  csrc/norms/gradient.cpp
  csrc/norms/gram.cpp
  csrc/norms/interval.cpp
  csrc/norms/lanczos.cpp
  csrc/norms/moments.cpp
  csrc/norms/panel.cpp
  csrc/norms/report.cpp
  csrc/norms/symbol.cpp
  csrc/norms/symbol_abi.cpp
  csrc/norms/targets.cpp
  csrc/norms/targets/baseline.cpp
  csrc/norms/tridiagonal.cpp
  csrc/norms/vectors.cpp
  csrc/polar/abi.cpp
  csrc/polar/device/driver.cpp
  csrc/polar/device/engine.cpp
  csrc/polar/device/library.cpp
  csrc/polar/device/lines_driver.cpp
  csrc/polar/device/lines_emulation.cpp
  csrc/polar/device/passes_emulation.cpp
  csrc/polar/device/product_emulation.cpp
  csrc/polar/device/products.cpp
  csrc/polar/device/line_sums_driver.cpp
  csrc/polar/device/line_sums_emulation.cpp
  csrc/polar/device/pairs_driver.cpp
  csrc/polar/device/pairs_emulation.cpp
  csrc/polar/item.cpp
  csrc/polar/iteration.cpp
  csrc/polar/line_sums.cpp
  csrc/polar/lines.cpp
  csrc/polar/multiply.cpp
  csrc/polar/normalize.cpp
  csrc/polar/pairs.cpp
  csrc/polar/products.cpp
  csrc/polar/rescale.cpp
  csrc/polar/targets.cpp
  csrc/polar/targets/baseline.cpp
  csrc/polar/view.cpp
  csrc/steps/abi.cpp
  csrc/steps/axes.cpp
  csrc/steps/check.cpp
  csrc/steps/device/driver.cpp
  csrc/steps/device/emulation.cpp
  csrc/steps/device/image.cpp
  csrc/steps/device/launches.cpp
  csrc/steps/device/unit_driver.cpp
  csrc/steps/driver.cpp
  csrc/steps/host_rules.cpp
  csrc/steps/layout.cpp
  csrc/steps/rows.cpp
  csrc/steps/targets.cpp
  csrc/steps/targets/baseline.cpp
  csrc/steps/tiles.cpp
  csrc/steps/units.cpp)
add_library(steepest::steepest ALIAS steepest)

# One translation unit per family and target, each with its own flags. A target needs those before it.
set(STEEPEST_HIGHEST_TARGET "avx512bf16" CACHE STRING "the most advanced CPU target to compile")
set(targets baseline avx2 avx512 avx512bf16)
set_property(CACHE STEEPEST_HIGHEST_TARGET PROPERTY STRINGS ${targets})
list(FIND targets "${STEEPEST_HIGHEST_TARGET}" highest)
if(highest EQUAL -1)
  message(FATAL_ERROR "STEEPEST_HIGHEST_TARGET: got ${STEEPEST_HIGHEST_TARGET}, expected one of ${targets}")
endif()
string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" processor)
if(NOT (processor MATCHES "x86_64|amd64" AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang"))
  set(highest 0)
endif()
set(avx2_flags -mavx2 -mfma -mf16c)
set(avx512_flags ${avx2_flags} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
set(avx512bf16_flags ${avx512_flags} -mavx512bf16)
set(avx2_families curvature distributed norms polar steps)
set(avx512_families ${avx2_families})
set(avx512bf16_families polar)
foreach(number RANGE 1 ${highest})
  if(number GREATER highest)
    break()  # RANGE counts down from 1 to 0
  endif()
  list(GET targets ${number} target)
  foreach(family ${${target}_families})
    set(file csrc/${family}/targets/${target}.cpp)
    target_sources(steepest PRIVATE ${file})
    set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "${${target}_flags}")
  endforeach()
endforeach()
target_compile_definitions(steepest PRIVATE STEEPEST_HIGHEST_TARGET=${highest})

if(STEEPEST_WITH_CUDA)
  target_sources(steepest PRIVATE
    csrc/cuda/backend.cu
    csrc/cuda/gram.cu
    csrc/cuda/lines.cu
    csrc/cuda/line_sums.cu
    csrc/cuda/memory.cu
    csrc/cuda/oasis.cu
    csrc/cuda/pairs.cu
    csrc/cuda/polar.cu
    csrc/cuda/probes.cu
    csrc/cuda/products.cu
    csrc/cuda/rank_one.cu
    csrc/cuda/report.cu
    csrc/cuda/runs_f32.cu
    csrc/cuda/runs_f64.cu)
  set_target_properties(steepest PROPERTIES CUDA_RUNTIME_LIBRARY Static CUDA_STANDARD 20
    CUDA_STANDARD_REQUIRED ON CUDA_ARCHITECTURES "${STEEPEST_CUDA_ARCHITECTURES}")
  target_link_libraries(steepest PRIVATE $<BUILD_INTERFACE:steepest_cuda_flags>)
  # cublasLt is opened at run time; its header, which a toolkit may lack, says how.
  find_path(CUBLASLT_INCLUDE_DIR cublasLt.h HINTS ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
  if(CUBLASLT_INCLUDE_DIR)
    target_sources(steepest PRIVATE csrc/cuda/cublaslt.cpp csrc/cuda/cublaslt_search.cpp)
    target_include_directories(steepest SYSTEM PRIVATE ${CUBLASLT_INCLUDE_DIR}
      ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
    target_link_libraries(steepest PRIVATE ${CMAKE_DL_LIBS})
  else()
    message(STATUS "cublasLt.h not found: all products on devices are made by own kernels")
    target_sources(steepest PRIVATE csrc/no_cuda/cublaslt.cpp)
  endif()
else()
  target_sources(steepest PRIVATE csrc/no_cuda/cuda.cpp)
endif()

target_include_directories(steepest
  PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/csrc/include> $<INSTALL_INTERFACE:include>
  PRIVATE csrc)
target_link_libraries(steepest PRIVATE $<BUILD_INTERFACE:steepest_flags> $<BUILD_INTERFACE:Threads::Threads>)
if(OpenMP_CXX_FOUND)
  target_link_libraries(steepest PRIVATE OpenMP::OpenMP_CXX)
else()
  message(STATUS "OpenMP not found: OMP_NUM_THREADS and threadpoolctl will have no effect")
endif()

if(UNIX AND NOT APPLE)
  set(exports ${CMAKE_CURRENT_SOURCE_DIR}/cmake/exports.map)
  target_link_options(steepest PRIVATE LINKER:--version-script=${exports})
  set_target_properties(steepest PROPERTIES LINK_DEPENDS ${exports})
endif()

# A wheel is a zip file and has no links: there the library goes by its plain name.
if(NOT SKBUILD)
  set_target_properties(steepest PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
endif()

# ---- Install: the same tree under a prefix and inside the Python package ---------------------------
if(SKBUILD)
  set(library_dir lib)
else()
  set(library_dir ${CMAKE_INSTALL_LIBDIR})
endif()
set(config_dir ${library_dir}/cmake/steepest)
install(TARGETS steepest EXPORT steepestTargets LIBRARY DESTINATION ${library_dir}
  ARCHIVE DESTINATION ${library_dir} RUNTIME DESTINATION bin)
install(DIRECTORY csrc/include/ DESTINATION include)
install(EXPORT steepestTargets NAMESPACE steepest:: DESTINATION ${config_dir})
configure_package_config_file(cmake/steepestConfig.cmake.in steepestConfig.cmake
  INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(steepestConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/steepestConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/steepestConfigVersion.cmake DESTINATION ${config_dir})
