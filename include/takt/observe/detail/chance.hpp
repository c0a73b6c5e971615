/// chance.hpp - how likely a count is, if chance alone made it.
#pragma once
#include <takt/core/config.hpp>
#include <cmath>

namespace takt::inline TAKT_ABI::detail {

/// Returns: Chernoff's bound exp(-n KL(found / n || p)), an upper bound of the probability that the share of successes
/// in `n` independent trials of mean probability `p` is at least as far from `p` as `found` / `n`, on the same side.
/// Source for trials of different probabilities: W. Hoeffding, On the distribution of the number of successes, 1956.
template <class = for_callers> double chernoff_bound(double found, double n, double p) {
  if (!(n > 0)) return 1;
  const double q = found / n;
  if (p <= 0) return q > 0 ? 0 : 1;
  if (p >= 1) return q < 1 ? 0 : 1;
  const double hit = q > 0 ? q * std::log(q / p) : 0, miss = q < 1 ? (1 - q) * std::log((1 - q) / (1 - p)) : 0;
  return std::exp(-n * (hit + miss > 0 ? hit + miss : 0));
}

} // namespace takt::inline TAKT_ABI::detail
