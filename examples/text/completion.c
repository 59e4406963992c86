/* completion.c: scripts that complete the command line of classify, made of the table of options. */
#include "completion.h"

#include <string.h>

#include "options.h"

static void put_commands(FILE *to)
{
    for (int i = TEXT_TRAIN; i <= TEXT_HELP; i++) fprintf(to, "%s%s", i == TEXT_TRAIN ? "" : " ", text_command_name(i));
}

/* Is it the first of its name, among all commands' options? */
static bool is_first(text_command command, const text_option *op)
{
    text_option other;

    for (int c = TEXT_TRAIN; c < (int)command; c++)
        for (int i = 0; text_option_at(c, i, &other); i++)
            if (strcmp(other.name, op->name) == 0) return false;
    return true;
}

/* ---- bash ------------------------------------------------------------------------------------------------------ */

/* What comes behind an option: its words, files, or nothing that could be known. */
static void put_values(const text_option *op, FILE *to)
{
    fprintf(to, "    %s) ", op->name);
    if (op->choices)
        fprintf(to, "words='%s' files= ;;\n", op->choices);
    else
        fprintf(to, "words= files=%s ;;\n", op->is_file ? "yes" : "");
}

static void put_options(text_command command, FILE *to)
{
    text_option op;

    fprintf(to, "        %s) words='", text_command_name(command));
    for (int i = 0; text_option_at(command, i, &op); i++) fprintf(to, "%s ", op.name);
    fputs("--help' ;;\n", to);
}

void text_completion_bash(FILE *to)
{
    text_option op;

    fputs("# bash completion for classify, made by: classify completion bash\n"
          "_classify()\n"
          "{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words= files=yes\n"
          "    case $before in\n",
          to);
    for (int c = TEXT_TRAIN; c < TEXT_HELP; c++)
        for (int i = 0; text_option_at(c, i, &op); i++)
            if (op.argument && is_first(c, &op)) put_values(&op, to);
    fputs("    help) words='", to);
    put_commands(to);
    fputs("' files= ;;\n"
          "    completion) words='bash zsh --help' files= ;;\n"
          "    *) if ((COMP_CWORD == 1)); then words='",
          to);
    put_commands(to);
    fputs(" --help --version' files=\n"
          "    elif [[ $word == -* ]]; then files=\n"
          "        case ${COMP_WORDS[1]} in\n",
          to);
    for (int c = TEXT_TRAIN; c < TEXT_HELP; c++) put_options(c, to);
    fputs("        esac\n"
          "    fi ;;\n"
          "    esac\n"
          "    if [[ $files ]]; then\n"
          "        compopt -o filenames 2> /dev/null\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
          "    else\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
          "    fi\n"
          "}\n"
          "complete -F _classify classify\n",
          to);
}

/* ---- zsh ------------------------------------------------------------------------------------------------------- */

/* Help between brackets and single quotes, where some characters would end it. */
static void put_help(const char *help, FILE *to)
{
    for (; *help; help++) {
        if (*help == '\'')
            fputs("'\\''", to);
        else
            fprintf(to, "%s%c", strchr("[]\\", *help) ? "\\" : "", *help);
    }
}

static void put_argument(const text_option *op, FILE *to)
{
    fprintf(to, " \\\n            '%s[", op->name);
    put_help(op->help, to);
    fputc(']', to);
    if (op->argument) fprintf(to, ":%s:", op->argument);
    if (op->choices)
        fprintf(to, "(%s)", op->choices);
    else if (op->argument)
        fputs(op->is_file ? "_files" : " ", to);
    fputc('\'', to);
}

void text_completion_zsh(FILE *to)
{
    text_option op;

    fputs("#compdef classify\n"
          "# zsh completion for classify, made by: classify completion zsh\n"
          "_classify() {\n"
          "    if ((CURRENT == 2)); then compadd -- ",
          to);
    put_commands(to);
    fputs(" --help --version; return; fi\n"
          "    local command=$words[2]\n"
          "    shift words; ((CURRENT--))\n"
          "    case $command in\n"
          "    help) compadd -- ",
          to);
    put_commands(to);
    fputs(" ;;\n"
          "    completion) compadd -- bash zsh ;;\n",
          to);
    for (int c = TEXT_TRAIN; c < TEXT_HELP; c++) {
        if (c == TEXT_COMPLETION) continue;
        fprintf(to, "    %s)\n        _arguments", text_command_name(c));
        for (int i = 0; text_option_at(c, i, &op); i++) put_argument(&op, to);
        fputs(" \\\n            '--help[this text]' '*:file:_files' ;;\n", to);
    }
    fputs("    esac\n"
          "}\n"
          "if [[ $funcstack[1] == _classify ]]; then _classify \"$@\"; else compdef _classify classify; fi\n",
          to);
}
