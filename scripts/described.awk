# awk -f scripts/described.awk src/*/*.c man/weir-operation.7
#
# The manual page has an entry for every line above level debug that the sources log and for every reason that
# a pair ends for, with its level, and no entry for another line. Of a line, only the words count that are
# always the same: no conversions, no words in capitals, no punctuation.

function words(text) {
	gsub(/%[-0-9.*]*(hh|h|ll|l|z|j|t)?[a-zA-Z]|\\n|[A-Z][A-Z0-9_]+/, " ", text)
	gsub(/[^A-Za-z0-9_=-]+/, " ", text)
	gsub(/^ | $/, "", text)
	return text
}

# The literals that rest begins with, as one.
function format(rest,    text) {
	for (;;) {
		sub(/^[ \t\n]+/, "", rest)
		if (match(rest, /^"([^"\\]|\\.)*"/))
			text = text substr(rest, 2, RLENGTH - 2)
		else if (match(rest, /^PRI[a-z]+[0-9]+/))
			text = text "u"
		else if (match(rest, /^PACKAGE_VERSION/))
			text = text "%s"
		else
			return text
		rest = substr(rest, RLENGTH + 1)
	}
}

function note(file, level, text) {
	if (words(text) != "")
		logged[words(text) SUBSEP level] = file ": " text
	else if (file !~ passes_on)
		complain(file ": a line without words of its own: they are looked for in " texts)
}

function complain(text) {
	print text
	bad = 1
}

function look_through(file, source) {
	while (match(source, call)) {
		level = substr(source, RSTART, RLENGTH)
		gsub(/^log_|\(.*|^snprintf/, "", level)
		source = substr(source, RSTART + RLENGTH)
		if (level != "" || file ~ texts)
			note(file, level, format(source))
	}
}

BEGIN {
	call = "log_(error|warning|notice|info)\\(|snprintf\\(text, (size|sizeof\\(text\\)),"
	passes_on = "daemon_start.c$|daemon_reload.c$" # such texts, and the errors of relay.ini
	texts = "estimate.c$|log_writer.c$" # of lines that are put together elsewhere
}

FNR == 1 { look_through(file, source); file = FILENAME; source = "" }
FILENAME !~ /\.7$/ { source = source $0 "\n" }
FILENAME ~ /reason.c$/ && match($0, /\[REASON_[A-Z_]*\] = \{"[a-z_]+"/) && !/"none"/ {
	split($0, part, "\"")
	note(FILENAME, "", "reason=" part[2])
}
FILENAME !~ /\.7$/ { next }
/^\.Sh / { inside = /LOG LINES|CLOSE REASONS/ }
/^\.Bl / { depth++ }
/^\.El/ { depth-- }
entry != "" { levels[entry] = tolower($0); entry = "" }
inside && depth == 1 && sub(/^\.It Li /, "") { entry = words($0); line[entry] = FILENAME ":" FNR ": " $0 }

END {
	look_through(file, source)
	for (key in logged) {
		split(key, part, SUBSEP)
		said[part[1]] = 1
		if (!(part[1] in levels))
			complain(logged[key] ": weir-operation(7) has no entry for this line")
		else if (part[2] != "" && levels[part[1]] !~ part[2])
			complain(logged[key] ": weir-operation(7) does not say that this is of level " part[2])
	}
	for (entry in line)
		if (!(entry in said))
			complain(line[entry] ": weir logs no such line")
	exit bad
}
