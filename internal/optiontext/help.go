package optiontext

import (
	"fmt"
	"io"
)

// Help writes the options as --help lists them.
func Help(out io.Writer, options []Option) {
	for i := range options {
		o := &options[i]
		short := "   "
		if o.Short != "" {
			short = "-" + o.Short + ","
		}
		name := "--" + o.Name
		switch {
		case o.Optional:
			name += "[=" + o.Value + "]"
		case o.Value != "":
			name += "=" + o.Value
		}
		for n, line := range o.Lines {
			if n == len(o.Lines)-1 && o.Default != "" {
				line += " (default " + o.Default + ")"
			}
			if n == 0 {
				fmt.Fprintf(out, "  %s %-24s %s\n", short, name, line)
			} else {
				fmt.Fprintf(out, "  %28s %s\n", "", line)
			}
		}
	}
}
