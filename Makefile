# make            the libraries (build/) and the programs (examples/)
# make run        trains examples/classify on the bundled text and labels some sentences
# make test       builds and runs every test           make test SAN=1   under ASan and UBSan
# make test TSAN=1   on eight threads, under ThreadSanitizer
# make dist       the library as two files, build/dist/tarn.h and tarn.c     make test-dist   the tests on them
# make test-aarch64   cross-compiles, and runs the tests under qemu    make test-musl   the programs on another C library
# make test-clang    clang's build against this one: the same bits
# make bench      tarn beside its peers, about 10 minutes; BENCH="gemm gpt" runs those parts
# make quality    classify's macro-F1 beside its peers'; QUALITY=ablations: what each of its ingredients is worth
# make faults     memory, files and threads that fail, at every call of a whole life; in make test too
# make fuzz       feeds the readers and the ops with hostile bytes (clang), FUZZ_SECONDS=60 each; FUZZ="npy ops" those
# make coverage   which lines and branches the tests run    make mutate   which broken operators and constants they notice
# make valgrind   a whole life, and examples/classify, under valgrind
# make killed     stops and kills a training at 200 moments: each time it goes on to the same bytes
# make sweep      every float through exp, log, tanh, erf and sigmoid, against libm in double precision; about 20 minutes
# make lint       warnings of gcc and clang as errors, static analysis, headers as C++
# make docs       the headers as pages, build/docs/html/index.html
# make picture    examples/classifier.svg, by Graphviz from README.md's classifier
# make install    PREFIX=/usr/local DESTDIR=           make clean
# make help       this text; V=1 shows the commands
#
# Objects land under build/, never beside sources. There are two libraries from one source: libtarn (float) and libtarn64
# (double). src/kernels is built once per instruction set of the machine's family, and chosen at run time.

VERSION   := $(shell sed -n 's/.*define TN_VERSION "\(.*\)"/\1/p' include/tarn/tarn.h)
SOVERSION := 0
PREFIX    ?= /usr/local
CC        ?= cc
CFLAGS    ?= -O3 -g
PYTHON    ?= python3

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes
BASE := -std=c11 -D_POSIX_C_SOURCE=200809L -ffp-contract=off -fno-math-errno -fno-trapping-math -fPIC -fno-semantic-interposition -Iinclude
LIBS := -lm -lpthread

ifdef SAN
B      := build/san
CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
else ifdef TSAN
B      := build/tsan
CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
else ifdef COVERAGE
B      := build/coverage
CFLAGS := -O0 -g --coverage -fprofile-update=atomic -fprofile-abs-path -Dalways_inline=unused # a branch counts once, not once in each copy
else ifdef DIST
B      := build/dist
else
B      := build
endif

# What makes a mistake harder to use, where compiler and linker have it: tried all at once, else one by one. _FORTIFY_SOURCE
# wants -O, is left as CFLAGS has it, and is not for sanitizers, which see more.
try    = $(shell echo 'int main(void) { return 0; }' | $(CC) -Werror $1 -x c - -o /dev/null 2>/dev/null && echo $1)
having = $(or $(call try,$1),$(foreach flag,$1,$(call try,$(flag))))
SAFE  := -fstack-protector-strong -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
SAFE  := $(call having,$(SAFE))
ifneq ($(filter-out -O0,$(lastword $(filter -O%,$(CFLAGS)))),)
SAFE  += $(if $(findstring sanitize,$(CFLAGS))$(findstring FORTIFY_SOURCE,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif

# clang knows no -fno-semantic-interposition before 11, and needs none
Q := $(if $(V),,@)
ALL := $(BASE) $(WARN) $(CFLAGS) $(filter-out -pie -Wl%,$(SAFE)) -MMD -MP
LINK = $(CC) $(CFLAGS) $(filter -pie -Wl%,$(SAFE)) $(LDFLAGS)

ISA := base
ifneq ($(filter x86_64% amd64%,$(shell $(CC) -dumpmachine)),)
ISA += avx2 avx512
endif
FLAGS_base   :=
FLAGS_avx2   := -mavx2 -mfma
FLAGS_avx512 := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512

FLAGS_float  :=
FLAGS_double := -DTN_DOUBLE

KERNELS  := $(filter-out src/kernels/dispatch.c,$(wildcard src/kernels/*.c))
ENGINE   := $(wildcard src/*.c src/ops/*.c) $(wildcard src/kernels/dispatch.c)
LAYERS   := $(wildcard nn/*.c optim/*.c)
TEXT     := $(wildcard examples/text/*.c)
# the programs stand beside their sources, but for builds of another kind
P        := $(if $(filter build,$B),,$B/)
PROGRAMS := $(patsubst %.c,$P%,$(wildcard examples/*.c))
TESTS    := $(patsubst tests/%.c,%,$(wildcard tests/test_*.c))

objects_of = $(if $(DIST),$(B)/$1/tarn.o,$(parts_of))
parts_of = $(patsubst %.c,$(B)/$1/%.o,$(ENGINE) $(LAYERS)) \
           $(foreach isa,$(ISA),$(patsubst %.c,$(B)/$1/%.$(isa).o,$(KERNELS)))

LIB   := $(B)/libtarn.a
LIB64 := $(B)/libtarn64.a
SO    := $(B)/libtarn.so.$(VERSION)

.PHONY: all run test lint docs picture install clean help
.DELETE_ON_ERROR:
.SECONDARY: # objects stay, so that the next make need not make them again
all: $(LIB) $(SO) $(LIB64) $(PROGRAMS)

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

# ---- libraries -------------------------------------------------------------------------------------------------------

define variant
$(B)/$1/tarn.o: $(B)/tarn.c
	@mkdir -p $$(@D)
	$(Q)$$(CC) -O2 $$(FLAGS_$1) -c $$< -o $$@
# only src sees the private headers
$(B)/$1/src/%.o: src/%.c
	@mkdir -p $$(@D)
	$(Q)$$(CC) $$(ALL) $$(FLAGS_$1) -Isrc -DTN_ISA=base -c $$< -o $$@
$(foreach isa,$(ISA),
$(B)/$1/src/kernels/%.$(isa).o: src/kernels/%.c
	@mkdir -p $$(@D)
	$(Q)$$(CC) $$(ALL) $$(FLAGS_$1) $$(FLAGS_$(isa)) -Isrc -DTN_ISA=$(isa) -c $$< -o $$@
)
$(B)/$1/%.o: %.c
	@mkdir -p $$(@D)
	$(Q)$$(CC) $$(ALL) $$(FLAGS_$1) -c $$< -o $$@

$(B)/$1/libtext.a: $(patsubst %.c,$(B)/$1/%.o,$(TEXT))
	@rm -f $$@
	$(Q)$$(AR) rcs $$@ $$^
endef
$(eval $(call variant,float))
$(eval $(call variant,double))

$(LIB): $(call objects_of,float)
	@rm -f $@
	@echo $@
	$(Q)$(AR) rcs $@ $^

$(LIB64): $(call objects_of,double)
	@rm -f $@
	@echo $@
	$(Q)$(AR) rcs $@ $^

$(SO): $(call objects_of,float)
	@echo $@
	$(Q)echo '{ global: tn_[!_]*; nn_*; optim_*; local: *; };' > $(B)/exports
	$(Q)$(filter-out -pie,$(LINK)) -shared -Wl,-soname,libtarn.so.$(SOVERSION) -Wl,--version-script=$(B)/exports \
	  -o $@ $^ $(LIBS)
	$(Q)ln -sf libtarn.so.$(VERSION) $(B)/libtarn.so.$(SOVERSION)
	$(Q)ln -sf libtarn.so.$(SOVERSION) $(B)/libtarn.so

# ---- programs --------------------------------------------------------------------------------------------------------

$Pexamples/%: $(B)/float/examples/%.o $(B)/float/libtext.a $(LIB)
	@echo $@
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

run: examples/classify
	examples/classify

# ---- tests -----------------------------------------------------------------------------------------------------------

CHECK_CFLAGS = $(shell pkg-config --cflags check)
CHECK_LIBS   = $(shell pkg-config --libs check)
TEST_PROGRAMS := $(foreach type,float $(if $(TSAN),,double),$(TESTS:%=$(B)/$(type)/tests/%))

define test_variant
$(B)/$1/tests/%.o: tests/%.c | $(if $(RUN),,tools)
	@mkdir -p $$(@D)
	$(Q)$$(CC) $$(ALL) $$(FLAGS_$1) -Isrc -I. $$(CHECK_CFLAGS) -c $$< -o $$@

# the built-in ops, read off the built library: nobody keeps a list by hand
$(B)/$1/tests/builtin_ops.c: $2
	@mkdir -p $$(@D)
	$(Q)nm -g $2 2>/dev/null | sed -n 's/.* [BDRVGS] \(tn__op_[a-z0-9_]*\)$$$$/\1/p' | sort -u | awk \
	  'BEGIN { print "#include <tarn/op.h>\nextern const tn_op *const tests_builtin_ops[];" } \
	   { print "extern const tn_op " $$$$1 ";"; list = list "    &" $$$$1 ",\n" } \
	   END { if (!list) exit 1; print "const tn_op *const tests_builtin_ops[] = {\n" list "    0};" }' > $$@
$(B)/$1/tests/builtin_ops.o: $(B)/$1/tests/builtin_ops.c
	$(Q)$$(CC) $$(ALL) $$(FLAGS_$1) -c $$< -o $$@
$(B)/$1/tests/test_%: $(B)/$1/tests/test_%.o $(B)/$1/tests/builtin_ops.o $(B)/$1/libtext.a $2
	$(Q)$$(LINK) -o $$@ $$^ $$(CHECK_LIBS) $$(LIBS)
endef
$(eval $(call test_variant,float,$(LIB)))
$(eval $(call test_variant,double,$(LIB64)))

# counts what a training step asks the system for
$(foreach type,float double,$(B)/$(type)/tests/test_training): LDFLAGS += \
  -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc,--wrap=mmap

# have calls to the system fail
comma := ,
FAULTY := test_faults test_io_faults
FAULTS := malloc calloc realloc aligned_alloc strdup realpath fdopen free open read pread write fsync close rename unlink stat lstat fstat fchmod \
          pthread_create pthread_atfork
define faulty
$(B)/$1/tests/$2: $(B)/$1/tests/faults.o
$(B)/$1/tests/$2: LDFLAGS += $(FAULTS:%=-Wl$(comma)--wrap=%)
endef
$(foreach type,float double,$(foreach test,$(FAULTY),$(eval $(call faulty,$(type),$(test)))))

.PHONY: tools
tools:
	@tests/tools.sh check

# examples/classify, which sends itself a signal: tests/killed.c
KILLED := open close read pread write fsync rename tn_apply tn_backward optim_clip_norm optim_step
$(B)/float/tests/killed: $(B)/float/tests/killed.o $(B)/float/examples/classify.o $(B)/float/libtext.a $(LIB)
	$(Q)$(LINK) $(KILLED:%=-Wl,--wrap=%) -o $@ $^ $(LIBS)

.PHONY: killed
killed: $(B)/float/tests/killed
	@B=$(B) sh tests/check_killed.sh

# ---- hostile input: tests/fuzz, a target a file ------------------------------------------------------------------------

FUZZERS := $(filter-out driver program,$(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c)))
FUZZ         ?= $(FUZZERS)
FUZZ_SECONDS ?= 60
FUZZ_MAIN     = $(B)/float/tests/fuzz/driver.o
FUZZ_PROGRAMS := $(if $(TSAN)$(DIST),,$(FUZZERS:%=$(B)/float/tests/fuzz/%))

$(FUZZ_PROGRAMS): $(B)/float/tests/fuzz/%: $(B)/float/tests/fuzz/%.o $(B)/float/libtext.a $(LIB) | $(B)/float/tests/fuzz/driver.o
	$(Q)$(LINK) $(FUZZ_MAIN) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)
# the linker has it read from memory
$(B)/float/tests/fuzz/safetensors: LDFLAGS += -Wl,--wrap=tn_file_open

# the double library in one object that shows one name, so that a program can have both
OBJCOPY ?= objcopy
$(B)/double/program.o: $(B)/double/tests/fuzz/program.o $(LIB64)
	$(Q)$(CC) -r -nostdlib -o $@ $< $(LIB64)
	$(Q)$(OBJCOPY) --keep-global-symbol=program_double $@
$(B)/float/tests/fuzz/ops: $(B)/float/tests/fuzz/program.o $(B)/double/program.o

# comparisons are not traced: that took half of the time, and the dictionaries know the words
FUZZ_CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
               -fno-sanitize-coverage=trace-cmp
.PHONY: fuzz fuzz-programs
fuzz:
	@tests/tools.sh fuzz
	@$(MAKE) --no-print-directory B=build/fuzz CC=clang FUZZ_MAIN=-fsanitize=fuzzer CFLAGS="$(FUZZ_CFLAGS)" fuzz-programs
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh $(FUZZ)
fuzz-programs: $(FUZZ:%=$(B)/float/tests/fuzz/%)

# ---- all tests --------------------------------------------------------------------------------------------------------

test: $(if $(RUN),,tools)
	@$(MAKE) --no-print-directory test-programs
	@B=$(B) RUN="$(RUN)" tests/run.sh $(TEST_PROGRAMS) $(FUZZ_PROGRAMS)

.PHONY: test-programs
test-programs: $(TEST_PROGRAMS) $(FUZZ_PROGRAMS) $(if $(SAN)$(TSAN)$(DIST),,all $(B)/float/tests/killed)

.PHONY: faults
faults: $(FAULTY:%=$(B)/float/tests/%)
	@for test in $^; do $$test || exit 1; done

# ---- what the tests run, and what they notice ---------------------------------------------------------------------------

ifdef COVERAGE
$(foreach isa,$(ISA),$(eval FLAGS_$(isa) += -O1 -Ualways_inline)) # their loops are functions within functions
CHECK_CFLAGS += -O1 -fno-profile-arcs -fno-test-coverage
endif

.PHONY: coverage
coverage:
	@tests/tools.sh coverage
	@$(MAKE) --no-print-directory COVERAGE=1 test-programs
	@find build/coverage -name '*.gcda' -delete
	@$(PYTHON) tests/coverage.py build/coverage

.PHONY: mutate
MUTANTS ?= 500
SEED    ?= 1
mutate: $(if $(wildcard build/coverage/lines.*.json),,coverage)
	@$(PYTHON) tests/mutate.py --mutants $(MUTANTS) --seed $(SEED)

# What glibc keeps for a thread that is asleep at the end is "possibly lost", which depends on glibc's symbols being there.
LOST     := definite,indirect
VALGRIND := valgrind -q --error-exitcode=1 --leak-check=full --show-leak-kinds=$(LOST) --errors-for-leak-kinds=$(LOST)
.PHONY: valgrind
valgrind: $(B)/float/tests/test_faults $(B)/double/tests/test_faults examples/classify
	@tests/tools.sh valgrind
	CK_FORK=no CK_RUN_CASE=life $(VALGRIND) $(B)/float/tests/test_faults
	CK_FORK=no CK_RUN_CASE=life $(VALGRIND) $(B)/double/tests/test_faults
	$(VALGRIND) examples/classify train --quiet --epochs 1 --model $(B)/valgrind.safetensors \
	  --test examples/data/test.tsv examples/data/train.tsv
	cut -f2 examples/data/test.tsv | $(VALGRIND) examples/classify predict --model $(B)/valgrind.safetensors > /dev/null

# ---- two files -------------------------------------------------------------------------------------------------------

.PHONY: dist test-dist
dist: build/dist/tarn.c
build/dist/tarn.c: tests/dist.py $(wildcard include/tarn/*.h src/*.[ch] src/*/*.[ch] nn/*.[ch] optim/*.c)
	@echo build/dist/tarn.h $@
	$(Q)$(PYTHON) tests/dist.py build/dist

test-dist: dist all
	@$(MAKE) --no-print-directory DIST=1 test
	@tests/dist.sh

# ---- other machines, other C libraries ----------------------------------------------------------------------------------

.PHONY: test-aarch64 test-musl test-clang
test-aarch64:
	@tests/tools.sh aarch64
	@$(MAKE) --no-print-directory B=build/aarch64 CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar OBJCOPY=aarch64-linux-gnu-objcopy RUN=qemu-aarch64 \
	  CHECK_CFLAGS= CHECK_LIBS="-L/usr/lib/aarch64-linux-gnu -lcheck_pic -lsubunit -lrt" test

test-musl:
	@tests/tools.sh musl
	@$(MAKE) --no-print-directory B=build/musl CC=musl-gcc all
	build/musl/examples/xor
	build/musl/examples/classify train --quiet --model build/musl/m.safetensors examples/data/train.tsv
	echo 'what the h3ll is this' | build/musl/examples/classify predict --model build/musl/m.safetensors

test-clang: all $(B)/float/tests/test_builds $(B)/double/tests/test_builds
	@tests/tools.sh lint
	@$(MAKE) --no-print-directory B=build/clang CC=clang all build/clang/float/tests/test_builds build/clang/double/tests/test_builds
	@B=$(B) SAME=build/clang sh tests/check_same.sh

# ---- every float through every elementary function -------------------------------------------------------------------

$(B)/float/tests/sweep: $(B)/float/tests/sweep.o $(LIB)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

.PHONY: sweep
sweep: $(B)/float/tests/sweep
	$<

# ---- benchmarks: tarn beside its peers, all parts or BENCH="gemm gpt" ----------------------------------------------------

BENCHES := $(patsubst tests/bench/%.c,$(B)/bench/%,$(filter-out tests/bench/bench.c,$(wildcard tests/bench/*.c)))

$(B)/bench/machine.o: BENCH_FLAGS := -march=native -ffp-contract=fast # what the machine can do, not what tarn does
$(B)/bench/%.o: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL) $(BENCH_FLAGS) -Isrc -c $< -o $@
$(BENCHES): $(B)/bench/%: $(B)/bench/%.o $(B)/bench/bench.o $(LIB)
	$(Q)$(LINK) -o $@ $^ $(LIBS) -ldl

.PHONY: bench
bench: $(BENCHES) examples/classify
	$(PYTHON) tests/bench/bench.py --build $(B) $(BENCH)

# ---- answers: classify beside its peers, or QUALITY=ablations ----------------------------------------------------------

.PHONY: quality
quality: examples/classify
	$(PYTHON) tests/quality.py --build $(B) $(QUALITY)

# ---- checks ----------------------------------------------------------------------------------------------------------

lint:
	@tests/tools.sh lint
	@CC_FLAGS="$(filter-out -fno-semantic-interposition,$(BASE)) $(WARN) -Werror" tests/lint.sh

# ---- pages ------------------------------------------------------------------------------------------------------------

docs:
	@tests/tools.sh docs
	@mkdir -p $(B)/docs
	@$(PYTHON) tests/docs.py $(B)/docs
	@echo $(B)/docs/html/index.html

# README.md's second program draws itself
picture: $(LIB)
	@tests/tools.sh picture
	@mkdir -p $(B)/picture
	awk 'BEGIN { RS = "```" } /nn_embedding_mean\(&m/ && sub(/^c\n/, "")' README.md > $(B)/picture/model.c
	$(CC) $(BASE) $(B)/picture/model.c $(LIB) $(LIBS) -o $(B)/picture/model
	cd $(B)/picture && ./model > model.txt
	dot -Tsvg $(B)/picture/model.dot > examples/classifier.svg

# ---- installing ------------------------------------------------------------------------------------------------------

DEST := $(DESTDIR)$(PREFIX)
# name, number type, what a program links even with no static in its options (there is no libtarn64.so), options
pkg_config = printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$${prefix}/lib' 'includedir=$${prefix}/include' '' 'Name: $1' \
  'Description: minimal autograd tensors in C11, of $2' 'Version: $(VERSION)' 'Libs: -L$${libdir} -l$1$3' \
  'Libs.private: -lm -lpthread' 'Cflags: -I$${includedir}$4' > $(DEST)/lib/pkgconfig/$1.pc
# a classify of another machine cannot tell its completions here
completion = $(RUN) $Pexamples/classify completion $1 > $(DEST)/share/$2 || rm $(DEST)/share/$2
install: $(LIB) $(LIB64) $(SO) $Pexamples/classify
	mkdir -p $(DEST)/include/tarn $(DEST)/lib/pkgconfig $(DEST)/bin $(DEST)/share/man/man1 \
	  $(DEST)/share/bash-completion/completions $(DEST)/share/zsh/site-functions
	install -m 644 include/tarn/*.h $(DEST)/include/tarn
	install -m 644 $(LIB) $(LIB64) $(DEST)/lib
	install -m 755 $(SO) $(DEST)/lib
	$(Q)ln -sf libtarn.so.$(VERSION) $(DEST)/lib/libtarn.so.$(SOVERSION)
	$(Q)ln -sf libtarn.so.$(SOVERSION) $(DEST)/lib/libtarn.so
	$(call pkg_config,tarn,float,,)
	$(call pkg_config,tarn64,double, -lm -lpthread, -DTN_DOUBLE)
	install -m 755 $Pexamples/classify $(DEST)/bin
	install -m 644 examples/classify.1 $(DEST)/share/man/man1
	$(call completion,bash,bash-completion/completions/classify)
	$(call completion,zsh,zsh/site-functions/_classify)

clean:
	rm -rf build $(PROGRAMS)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
