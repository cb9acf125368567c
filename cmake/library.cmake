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
  csrc/curvature/driver.cpp
  csrc/curvature/rank_one.cpp
  csrc/curvature/rank_one_abi.cpp
  csrc/curvature/oasis.cpp
  csrc/curvature/targets.cpp
  csrc/curvature/targets/baseline.cpp
  csrc/distributed/moments.cpp
  csrc/distributed/pack.cpp
  csrc/distributed/step.cpp
  csrc/distributed/targets.cpp
  csrc/distributed/targets/baseline.cpp
  csrc/distributed/vote.cpp
  csrc/norms/abi.cpp
  csrc/norms/cholesky.cpp
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
  csrc/polar/item.cpp
  csrc/polar/iteration.cpp
  csrc/polar/line_sums.cpp
  csrc/polar/lines.cpp
  csrc/polar/multiply.cpp
  csrc/polar/normalize.cpp
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
  csrc/steps/driver.cpp
  csrc/steps/host_rules.cpp
  csrc/steps/layout.cpp
  csrc/steps/targets.cpp
  csrc/steps/targets/baseline.cpp
  csrc/steps/tiles.cpp)
add_library(steepest::steepest ALIAS steepest)

# One translation unit per family and target, each with its own flags.
string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" processor)
if(processor MATCHES "x86_64|amd64" AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  set(avx2_flags -mavx2 -mfma -mf16c)
  set(avx512_flags ${avx2_flags} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
  set(avx512bf16_flags ${avx512_flags} -mavx512bf16)
  foreach(unit curvature/avx2 curvature/avx512 distributed/avx2 distributed/avx512 norms/avx2 norms/avx512 steps/avx2 steps/avx512
          polar/avx2 polar/avx512 polar/avx512bf16)
    string(REGEX MATCH "(.*)/(.*)" matched ${unit})
    set(file csrc/${CMAKE_MATCH_1}/targets/${CMAKE_MATCH_2}.cpp)
    target_sources(steepest PRIVATE ${file})
    set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "${${CMAKE_MATCH_2}_flags}")
  endforeach()
  target_compile_definitions(steepest PRIVATE STEEPEST_X86_TARGETS)
endif()

if(STEEPEST_WITH_CUDA)
  target_sources(steepest PRIVATE
    csrc/cuda/backend.cu
    csrc/cuda/memory.cu
    csrc/cuda/probes.cu
    csrc/cuda/runs_f32.cu
    csrc/cuda/runs_f64.cu)
  set_target_properties(steepest PROPERTIES CUDA_RUNTIME_LIBRARY Static CUDA_STANDARD 20
    CUDA_STANDARD_REQUIRED ON CUDA_ARCHITECTURES "${STEEPEST_CUDA_ARCHITECTURES}")
  target_link_libraries(steepest PRIVATE $<BUILD_INTERFACE:steepest_cuda_flags>)
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
