#!/bin/sh
# Makes the seed corpora of all targets from the sample documents: tests/fuzz/seed.sh
set -eu
cd "$(dirname "$0")"
seeds=../../seeds

for target in html css markdown front_matter verify; do
    mkdir -p corpus/$target
    cp $seeds/*.* corpus/$target/
done

# The first byte says how the document is called.
mkdir -p corpus/rewrite
for seed in $seeds/*.*; do
    case $seed in
        *.html) kind='\000' ;;
        *.css) kind='\003' ;;
        *.svg) kind='\004' ;;
        *.md) kind='\001' ;;
        *) kind='\002' ;;
    esac
    { printf "$kind"; cat "$seed"; } > "corpus/rewrite/$(basename "$seed")"
done

# One URL, or one list of candidates, a file.
mkdir -p corpus/peel corpus/srcset
cat $seeds/*.* | grep -aoE "(https?:)?//[^\"'<> )]+" | sort -u | head -n 400 | split -l 1 - corpus/peel/
cat $seeds/*.* | grep -aoE 'srcset="[^"]*"' | cut -d '"' -f 2 | sort -u | split -l 1 - corpus/srcset/
