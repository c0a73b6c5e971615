"""mutants.py - finds the places of a C++ header at which one token can be changed, and the changes.

The text is divided into tokens, not parsed: what a token means is concluded from its neighbours and, where C++ is ambiguous,
from the spaces that the project's style demands: ` < ` with spaces is a comparison, `<` without is a list of template arguments.

Changed: comparisons, arithmetic, logical and bitwise operators, their assignments, numbers, true and false, ++ and --, min and
max; conditions of `if` and `while` are negated; statements and else-branches are removed.
Left alone: comments, strings, preprocessor lines, template heads, `requires`, concepts, static_assert, noexcept, attributes,
aliases, names of operators, prefetching, numbers that are template arguments, and the numbers in a namespace `..._parameters`, which are
decisions that tests take by their names."""
import re

SWAPS = {
    "relational": {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="]},
    "arithmetic": {"+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"],
                   "+=": ["-="], "-=": ["+="], "*=": ["/="], "/=": ["*="], "%=": ["*="]},
    "logical": {"&&": ["||"], "||": ["&&"]},
    "bitwise": {"&": ["|"], "|": ["&"], "^": ["&"], "<<": [">>"], ">>": ["<<"],
                "&=": ["|="], "|=": ["&="], "^=": ["|="], "<<=": [">>="], ">>=": ["<<="]},
    "increment": {"++": ["--"], "--": ["++"]},
    "constant": {"true": ["false"], "false": ["true"]},
}
REPLACEMENTS = {old: (kind, new) for kind, swaps in SWAPS.items() for old, new in swaps.items()}
ANYWHERE = {"++", "--", "true", "false"}  # these are never part of a type

TOKEN = re.compile(r"""
    (?P<directive> ^[ \t]*\#(?:\\\n|[^\n])* )
  | (?P<comment>   //[^\n]* | /\*.*?\*/ )
  | (?P<raw>       (?:u8|[uUL])?R"(?P<fence>[^(\s]*)\(.*?\)(?P=fence)" )
  | (?P<string>    (?:u8|[uUL])?"(?:\\.|[^"\\\n])*" )
  | (?P<number>    \.?\d(?:[eEpP][+-]|'?[\w.])* )
  | (?P<character> (?:u8|[uUL])?'(?:\\.|[^'\\\n])+' )
  | (?P<word>      [A-Za-z_]\w* )
  | (?P<sign>      <=>|<<=|>>=|\.\.\.|->\*|::|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||\+=|-=|\*=|/=|%=|&=|\|=|\^=|[^\s\w] )
""", re.X | re.M | re.S)

NOT_A_STATEMENT = set("""return throw goto case default using static_assert typedef friend template if for while do switch try
    catch else public private protected class struct union enum namespace const constexpr static inline auto extern typename
    explicit virtual thread_local asm requires concept""".split())
HEADED = {"if", "while", "for", "switch"}


class Token:
    __slots__ = ("kind", "text", "begin", "end", "skipped", "partner", "spaced_before", "spaced_after")

    def __init__(self, kind, text, begin, source):
        self.kind, self.text, self.begin, self.end = kind, text, begin, begin + len(text)
        self.skipped, self.partner = False, None
        self.spaced_before = source[begin - 1:begin].isspace()
        self.spaced_after = source[self.end:self.end + 1].isspace()


class Mutant:
    """One change: the characters from `begin` to `end` become `new`."""

    def __init__(self, source, kind, begin, end, new):
        self.kind, self.begin, self.end, self.new = kind, begin, end, new
        first = source.rfind("\n", 0, begin) + 1
        last = source.find("\n", end)
        self.line = source.count("\n", 0, begin) + 1
        old_end = source.find("\n", begin)
        self.old_line = source[first:old_end].strip()
        self.new_line = (source[first:begin] + new + source[end:last]).split("\n")[0].strip()
        before = source[:first].rstrip().rfind("\n") + 1
        self.line_before = source[before:first].strip()

    def apply(self, source):
        return source[:self.begin] + self.new + source[self.end:]


class Header:
    def __init__(self, source):
        self.source = source
        self.tokens = [Token(m.lastgroup if m.lastgroup != "fence" else "raw", m.group(), m.start(), source)
                       for m in TOKEN.finditer(source) if m.lastgroup not in ("comment", "directive")]
        self.pair_up()
        self.skip()

    def text(self, i):
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def pair_up(self):
        """Brackets get the number of their partner."""
        stack = []
        for i, t in enumerate(self.tokens):
            if t.kind != "sign":
                continue
            if t.text in "([{":
                stack.append(i)
            elif t.text in ")]}" and stack:
                t.partner = stack.pop()
                self.tokens[t.partner].partner = i

    def after_group(self, i):
        return self.tokens[i].partner + 1 if self.tokens[i].partner is not None else i + 1

    def after_angles(self, i):
        """`i` is the `<` of a list of template arguments or parameters. Returns: the number of the token after its `>`."""
        depth = 0
        while i < len(self.tokens):
            text = self.text(i)
            if text in ("(", "[", "{"):
                i = self.after_group(i)
                continue
            depth += {"<": 1, ">": -1, ">>": -2}.get(text, 0)
            i += 1
            if depth <= 0:
                break
        return i

    def after_requires(self, i):
        """`i` is the token after `requires`. Returns: the number of the token after the clause or the expression."""
        if self.text(i - 2) in ("=", "requires", "&&", "||", "(", "!", "return"):  # an expression
            i = self.after_group(i) if self.text(i) == "(" else i
            return self.after_group(i) if self.text(i) == "{" else i
        while True:
            if self.text(i) == "requires":
                i = self.after_requires(i + 1)
            elif self.text(i) == "(":
                i = self.after_group(i)
            else:
                i = i + 1 if self.text(i) == "!" else i
                while self.tokens[i].kind == "word" or self.text(i) == "::":
                    i += 1
                    if self.text(i) == "<":
                        i = self.after_angles(i)
                    if self.text(i) != "::":
                        break
            if self.text(i) not in ("&&", "||"):
                return i
            i += 1

    def after_statement(self, i):
        """Returns: the number of the token after the statement that begins at `i`; None if none begins there."""
        text = self.text(i)
        if text == "{":
            return self.after_group(i)
        if text in HEADED:
            i += 2 if self.text(i + 1) == "constexpr" else 1
            if self.text(i) != "(":
                return None
            i = self.after_statement(self.after_attributes(self.after_group(i)))
            if i is not None and text == "if" and self.text(i) == "else":
                i = self.after_statement(i + 1)
            return i
        if text in ("do", "try"):
            return None
        while i < len(self.tokens):
            text = self.text(i)
            if text == ";":
                return i + 1
            if text in (")", "]", "}"):
                return None
            i = self.after_group(i) if text in ("(", "[", "{") else i + 1
        return None

    def after_attributes(self, i):
        while self.text(i) == "[" and self.text(i + 1) == "[":
            i = self.after_group(i)
        return i

    def skip(self):
        """Marks what is left alone."""
        i = 0
        while i < len(self.tokens):
            text, end = self.text(i), i + 1
            following = self.text(i + 1)
            if self.tokens[i].kind not in ("word", "sign"):
                pass
            elif text == "template" and following == "<":
                end = self.after_angles(i + 1)
            elif text == "requires":
                end = self.after_requires(i + 1)
            elif text in ("static_assert", "noexcept", "alignas", "explicit", "decltype", "asm",
                          "__builtin_prefetch") and following == "(":
                end = self.after_group(i + 1)
            elif text == "[" and following == "[":
                end = self.after_group(i)
            elif text in ("concept", "using", "typedef"):
                while self.text(end) not in (";", ""):
                    end = self.after_group(end) if self.text(end) in ("(", "{", "[") else end + 1
            elif text == "operator":
                end += 1 if following in ("(", "[") else 0
                while self.text(end) not in ("(", ""):
                    end += 1
            elif text == "namespace" and following.endswith("_parameters"):
                end = self.after_group(i + 2)
            for t in self.tokens[i:end]:
                t.skipped = True if end > i + 1 or t.skipped else t.skipped
            i = end

    def scopes(self):
        """Yields: for each token whether it stands in code, rather than among the members of a class or a namespace, and whether
        it stands directly in a block, rather than within round brackets."""
        stack = []
        for i, t in enumerate(self.tokens):
            if t.kind == "sign" and t.text in (")", "]", "}") and stack:
                stack.pop()
            innermost = next((kind for kind in reversed(stack) if kind in ("code", "type")), "type")
            yield i, innermost == "code", bool(stack) and stack[-1] == "code"
            if t.kind == "sign" and t.text in ("(", "["):
                stack.append("round")
            elif t.kind == "sign" and t.text == "{":
                stack.append("type" if self.opens_type(i) else "code")

    def opens_type(self, i):
        """Returns: whether the `{` at `i` is that of a namespace, a class or an enumeration."""
        i -= 1
        while i >= 0:
            t = self.tokens[i]
            if t.text in (")", "]") and t.partner is not None:
                if t.text == ")" and not t.skipped:
                    return False
                i = t.partner - 1
                continue
            if t.text in (";", "{", "}", "(", "=", "return"):
                return False
            if not t.skipped and t.text in ("namespace", "class", "struct", "union", "enum"):
                return True
            i -= 1
        return False

    def is_declaration(self, begin, end):
        """Returns: whether the tokens declare something: a type stands beside a name."""
        i = begin
        while i < end - 1:
            t = self.tokens[i]
            if t.text in ("(", "[", "{"):
                i = self.after_group(i)
                continue
            if t.text == "=":
                return False
            following = self.tokens[i + 1]
            if t.kind == "word" and following.kind == "word" and t.text not in ("delete", "new", "co_await", "throw"):
                return True
            if following.kind == "word" and not t.spaced_before and t.spaced_after and t.text in ("&", "*", "&&", ">", ">>"):
                return True
            i += 1
        return False

    def mutants(self):
        """Returns: all mutants, in the order of their places."""
        found = []

        def change(kind, begin, end, new):
            found.append(Mutant(self.source, kind, begin, end, new))

        for i, in_code, in_block in self.scopes():
            t = self.tokens[i]
            if t.skipped:
                continue
            self.change_token(i, t, change)
            if in_code:
                self.change_condition(i, t, change)
                self.remove(i, t, in_block, change)
        unique = {}
        for m in found:
            unique.setdefault((m.begin, m.end, m.new), m)
        return sorted(unique.values(), key=lambda m: (m.begin, m.end, m.new))

    def change_token(self, i, t, change):
        before, following = self.text(i - 1), self.text(i + 1)
        if t.kind == "number":
            if not (before == "<" and not self.tokens[i - 1].spaced_before) and \
               not (following in (">", ">>") and not t.spaced_after):
                for new in other_numbers(t.text):
                    change("constant", t.begin, t.end, new)
        elif t.text in REPLACEMENTS and t.kind in ("word", "sign"):
            if t.text in ANYWHERE or (t.spaced_before and t.spaced_after):
                kind, swaps = REPLACEMENTS[t.text]
                for new in swaps:
                    change(kind, t.begin, t.end, new)
        if t.kind == "word" and t.text in ("min", "max") and before in ("::", ".") and following in ("(", "<"):
            change("min and max", t.begin, t.end, {"min": "max", "max": "min"}[t.text])
        if t.kind == "sign" and t.text in ("!", "~", "-") and not t.spaced_after and \
           (before in ("return", "(", "[", "{", ",", "?", ":", "=", "&&", "||", "!", "==", "!=", ";") or
                (t.text != "-" and before != "")) and self.tokens[i + 1].kind != "sign" or \
           t.text in ("!", "~") and following == "(":
            change({"!": "negated condition", "~": "bitwise", "-": "arithmetic"}[t.text], t.begin, t.end, "")

    def change_condition(self, i, t, change):
        if t.text not in ("if", "while") or self.text(i + 1) != "(" or t.kind != "word":
            return
        begin, end = i + 2, self.tokens[i + 1].partner
        k = begin
        while k < end:
            if self.text(k) == ";":
                begin = k + 1
            k = self.after_group(k) if self.text(k) in ("(", "[", "{") else k + 1
        if begin >= end or self.text(begin) in ("auto", "const") or self.is_declaration(begin, end):
            return
        inner = [self.text(k) for k in range(begin, end)]
        if not {"&&", "||", "?"} & set(inner):
            if inner[0] == "!" or sum(text in SWAPS["relational"] for text in inner) == 1 and "<" not in inner:
                return  # the same as another change: without the `!`, or with the opposite comparison
        first, last = self.tokens[begin], self.tokens[end - 1]
        change("negated condition", first.begin, last.end, "!(" + self.source[first.begin:last.end] + ")")

    def remove(self, i, t, in_block, change):
        if t.text == "else" and t.kind == "word":
            end = self.after_statement(i + 1)
            if end is not None:
                change("removed branch", t.begin, self.tokens[end - 1].end, "")
        if not in_block:
            return
        before = self.tokens[i - 1]
        headed = False  # whether it is the body of `if`, `while` and so on
        if before.text == "]" and before.skipped and before.partner is not None:
            before = self.tokens[before.partner - 1]
        if before.text == ")" and before.partner is not None:
            head = self.text(before.partner - 1)
            headed = head in HEADED or head == "constexpr"
            if not headed:
                return
        elif before.text == "else":
            headed = True
        elif before.text not in (";", "{", "}"):
            return
        if t.text == "return":
            if not headed:
                return
        elif t.text in ("break", "continue"):
            pass
        elif t.text in NOT_A_STATEMENT or not (t.kind == "word" or t.text in ("*", "++", "--", "(", "::")):
            return
        end = self.after_statement(i)
        if end is None or t.text not in ("return", "break", "continue") and self.is_declaration(i, end):
            return
        change("removed statement", t.begin, self.tokens[end - 1].end, ";")


def other_numbers(text):
    """Returns: the numbers beside this one: one more and one less; twice and half where it is not an integer."""
    m = re.fullmatch(r"(0[xX][\da-fA-F'.]+[pP])([+-]?\d+)(\w*)", text)
    if m:
        return [m[1] + str(int(m[2]) + by) + m[3] for by in (1, -1)]
    m = re.fullmatch(r"(\d[\d']*\.\d*|\.\d+|\d[\d']*(?=[eE]))([eE][+-]?\d+)?([fFlL]?|_?[a-z]+)", text)
    if m:
        value = float(m[1].replace("'", ""))
        return [f"{value * by!r}" + (m[2] or "") + m[3] for by in (2, 0.5)] if value else []
    m = re.fullmatch(r"(0[xX][\da-fA-F']+?|0[bB][01']+|\d[\d']*)([uUlLzZ]*|_?[a-z]+)", text)
    if not m or re.match(r"0\d", m[1]):
        return []
    value = int(m[1].replace("'", ""), 0)
    form = "{:#x}" if m[1][:2] in ("0x", "0X") else "{}"
    return [form.format(other) + m[2] for other in (value + 1, value - 1) if other >= 0]
