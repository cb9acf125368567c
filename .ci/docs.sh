#!/usr/bin/env bash
# The pages and the reference as a site, in the active virtual environment, which has the package. A
# link that leads nowhere and a page that is in no menu are errors.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

section "Pages"
site=$(mktemp -d)
mkdocs build --quiet --strict --site-dir "$site"
for page in index reference/steps/index reference/optim/index contributing/index; do
    [[ -s $site/$page.html ]] || fail "the site has no $page.html"
done
du -sh "$site"
rm -rf "$site"
