// The rule table. A new rule is its own file, one include and one line here.
#pragma once

#include "steps/rules/adadelta.h"
#include "steps/rules/adafactor.h"
#include "steps/rules/adafisher.h"
#include "steps/rules/adagrad.h"
#include "steps/rules/adagrad_norm.h"
#include "steps/rules/adahessian.h"
#include "steps/rules/adam.h"
#include "steps/rules/adam_direction.h"
#include "steps/rules/adamax.h"
#include "steps/rules/adamp.h"
#include "steps/rules/adamuon.h"
#include "steps/rules/adamw.h"
#include "steps/rules/adan.h"
#include "steps/rules/ademamix.h"
#include "steps/rules/adopt.h"
#include "steps/rules/amsgrad.h"
#include "steps/rules/c_adamw.h"
#include "steps/rules/c_lion.h"
#include "steps/rules/clip.h"
#include "steps/rules/descend.h"
#include "steps/rules/dot.h"
#include "steps/rules/exadam.h"
#include "steps/rules/extrapolate.h"
#include "steps/rules/grokfast_ema.h"
#include "steps/rules/grokfast_ma.h"
#include "steps/rules/interpolate.h"
#include "steps/rules/lamb.h"
#include "steps/rules/lars.h"
#include "steps/rules/lion.h"
#include "steps/rules/low_rank_step.h"
#include "steps/rules/mars.h"
#include "steps/rules/momentum.h"
#include "steps/rules/nadam.h"
#include "steps/rules/oasis.h"
#include "steps/rules/prodigy.h"
#include "steps/rules/radam.h"
#include "steps/rules/random_adamw.h"
#include "steps/rules/random_sgdm.h"
#include "steps/rules/rmsprop.h"
#include "steps/rules/rprop.h"
#include "steps/rules/schedule_free_adamw.h"
#include "steps/rules/schedule_free_sgd.h"
#include "steps/rules/sgd.h"
#include "steps/rules/sgdp.h"
#include "steps/rules/signum.h"
#include "steps/rules/sm3.h"
#include "steps/rules/sophia.h"
#include "steps/rules/weight_norm.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <template <class> class... Rule>
struct RuleList {};

// The position of a rule is its number in the C ABI: append, do not insert.
using Rules =
    RuleList<Sgd, Adam, AdamW, AmsGrad, AdaMax, Adagrad, Lion, Lamb, CAdamW, CLion, Adafactor,
             AdafactorVector, Momentum, Descend, Extrapolate, AdaMuon, AdaHessian, Sophia, Oasis,
             AdaFisher, NAdam, RAdam, RmsProp, Adadelta, Rprop, Signum, Adan, AdEmaMix, Adopt, Mars,
             RandomSgdm, RandomAdamW, AdamDirection, LowRankStep, WeightNorm, AdaGradNorm, AdamP,
             SgdP, Prodigy, Sm3, Lars, ExAdam, Dot, Clip, Interpolate, ScheduleFreeSgd,
             ScheduleFreeAdamW, GrokFastEma, GrokFastMa>;

template <template <class> class... Rule>
constexpr int count_rules(RuleList<Rule...>) {
    return sizeof...(Rule);
}

inline constexpr int kRules = count_rules(Rules{});

}  // namespace STEEPEST_TARGET
}  // namespace steepest
