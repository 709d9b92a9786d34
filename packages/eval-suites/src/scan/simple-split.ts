/**
 * Which commands stand in the training set of SCAN's simple split. The split was drawn at random by its authors, so its
 * membership is a fact and no rule gives it.
 *
 * Source: github.com/brendenlake/SCAN, commit c4b756cbc010d75c912f16c42c8f15dc6b7e6c8f, simple_split/tasks_train_simple.txt;
 * BSD licence, copyright 2016-present Facebook (text in SCAN-LICENSE.txt beside this package's README).
 */

/** Bit i (low bits first, base64) is set where task i of `scanTasks()` is a training example: 16,728 of 20,910. */
export const SIMPLE_TRAIN_BITS: string =
  "+/f2/9/5be/r/+vbfbfp/0t1d9u/9f//v2J+/v/d47Xc/+vr1/z7+avP/v+p/Vflv677v/v/4F/n9///fb22/X3/7O9v1fvem596/t4u/v/7+ff7H/+8vv5f" +
  "P+f2u3+X/fd793//vfGz7/z//n/97+f//91u5v3f//t0/v/6+/2fd//O/8Xfnf/Pu37/9e7z2683//P/j2XW///3l/J2fv/5v3/+/23/372877Fvv3+u39/7" +
  "//Uf+fnt/17Z3/Y377H73/mT/PP225bZ+/6++v///3d9b/f9/b7d/2+//3vf+76/V/f//b3Wv//7n+///O1v3t7P39//ufn8d7NTy39f+Ry/fO6/3v/fvbz6" +
  "d+///v/7+2v/5P/5//81v/b/H2zv//u/q//2/v+//9/+9r1Zn58a/dzvf5/f++nvn7/7//z/erX7fjuvuu+Xf/+6P/e/f+fXx393/+dv3+s+2/7n6/+f9/2c" +
  "72/vfq6/fT7/ma976v3n69rf9/v+7//T///+/8vwuvn3//v5z9/8fz/df9z3n8v79/9/fz36/2rVX/O3Pl/a9vh//P//25P8/dwfR//pu7//u+7336/7+7+T" +
  "37ff2/93///T/ez2x8/vwf7qv938/vr4f///fnb+j/LO/vu3/vvP/1z/fjV7bv8/5/a13veP9+3/7Xv3736t+/v/4+f3+/4Gvb////P3d/rc/7n+xb/y+2v2" +
  "/Wcfeu139/r/3/6z/f3//eb/693/39/7/+33qv9/92/cq32f/H/tX/+3u9d+XveS3/rf/3X+5/f7/df/13/v7+7N/9azY7+1e////33PjX9/nvs/n8f/r//3" +
  "/7vVK/3j3N9eP+H/77ve+//3zv8v97v3+/t/y/8///v//f338v3x7/+b9/zf7fb//F+Db+u38b+365R//X8k+/m5f///9/v+3/3Hv+//f+/fv+27+/bv7/zv" +
  "v33/+P/f//n7/v7f+/7v67+/z9f/7v+///z/0m2b7t9/p+q/f3e698/7yrq7v3H/b+vu3d775zddf07K8/79v/Pz/3KC7/XL//e3/71/97V7/dvv7NH3T7fV" +
  "99f8/2/17/dj/t//5f3f3d23bvv/+v3/v/379v/mbft//z39/H993Vu/t3d2//az77zr///q//10/39/v/6fz/r/+/+b339f3/+/7772q77v8//v/N6/4+9/" +
  "/7933r7nePN/9Wv/+/bu3f/fZf+zn1///P/vd/eXne/vb///7f//vd3fr//n/4f73t3sr9+/+urv+2/fP7v+9/X593/vn5//1j+vPf1/3evP3/mnf/P9vpP3" +
  "+/90/vT/XnX7/uf/3/X7/z/7//z/vr/f/b3/d9//8/Pr/nf+u7+////+7v/4/t/6/u/v3vdsfvu//v797f23evv3/tk7v7f/t7fn7v2/9fef3vub/H1Xfr7f" +
  "6///3//XvntL9/nz8+2X7382fL/7///+/X+X7+f////f+47sc/13/+/3vv//u//2Uv97/b+1/X/7/a/9/f3f/+2/P3zv//+757G/+XPu/87v/3Y92vvv//y/" +
  "9f/P+u/7B7/7/9en5/+7x931at9R9+e+3/w9O7611/xm13+3+uP/v9/v7/v792/9b+69f/nv/3l3///H//6vv/ntf9v17//w35+/zp///n/l/X/+/1293rzt" +
  "/4b+57/u//fO/tr/x/vb//v9P/PV3//7X/3t6/XrPfx/v/v/mr+2de+//6+n8bvT3/v//f//f+/X7v7Z3dn735/3e/P/v+/1m/+6vn//7+a7/0rCtf89c///" +
  "39RW/7Xlv71t3/eNn33+WH7/1Xr9757+uX//b+/+f91+77//99r456f7b1/7vvd+f3rfe/vdn+p97/n2W/X1W//qHvfd+622X67//vb/7z/27f+f2/f5Ntte" +
  "nbv6f/Xd3Tuf////+fa3/3rfu83Y7/f3uef///+v9e/d+P19P//2ff933/1/+/3/9t+f3b/9/+f9vv8P7r/////Pl3e5/P+3377f/f5f+Pf9P37//fPv///1" +
  "V67/X/3//5rf17f/9/P//b/u9p/+9383fvf//r/b937//V3tv/9e/////YfP+t/t//+7y0nd/785vvv/oM/f6z//v/rvtu/+f/Nx1+f9W5//9/f3///fq//+" +
  "/5Y/LfXzr89//v8//v59v/5X3/d+i//O5e73+1/y/N+9/+3f1fUf//392/393rf68//8vrP/br/H/dZdfb3//f/33/f/7/ff/X//5n9+/v/rn9/9/q/bfftf" +
  "/9/f///u7+/d7/4v9NX/+/+37/Xf//f79v+P/v/+9+X/9/9/v+/fZ3u+/Pt9/ud7v+/Fv5Tv997+W7/fX9/+/7X39+vn+Pn9ffX/yfG+v/9vvXvs7+1f/p/2" +
  "Z3/v///9+f9//0h/62v//79eu+f/fdX7/ftv/+4//iff/v/f9fa9+/P/L677/vW787/7///9+rutv//936v85fz5399/92/zf+v3/yZv9/7e/9/2/r/39f+e" +
  "/jzx/7737P//97x/e73//t+n//////af/37nf1/9tf+93uPt/9/0/9v/3/+e/P/f/P9v/Pqv/u9///vP0/d33fb3///rPOf7vv+uz7G/117P/6v///+P7p+/" +
  "///+3//r3/Pl/s3f3X//r9b//71/36xZk/19+fT/v/+v/7Le//f/5ve+v/om+/9f+nv7//7r/v+++v3363j/783Xv/+v75/1b/r///7nzv/78P/v3ytfP/5/" +
  "v7H6+u//9/Xm7v/z//3Tr3f22K7/b/vze9//sr71s6v9/r+2/9v9/+7f+t/393z+897z/7/8v3//v/63/X//1/d3/f////++/f3//z+TO8//18q73/9f+/37" +
  "Pt/Xd/f/fh73v73b35//f7f6/++8u+3n/v/qP1/9x36vff2xf/3Fb/+v//+vX/bz/3u3H59Tr+31vP8/Or9T9n72t6z3r/36I9f/9+o//385////97v3v///" +
  "//67v8ysn/533/Hv9/Y1v++69vv//9/vu/vf/7d/u/9O/6f3/2Y/9+///tX/f+38v6/+v9f7MN+19/78/fP++7///9v//d/91e/r/b35H6h95/N23cz+/f2/" +
  "/3D36/rjm8N+vYf9/f/3/9P/7Vcve5v/3O5+3v/q1d///y9v7//9+///ev//z//3v69+/rtf/d/n///X/dvef/uv+v//r1+/z/Pf6d/vv3+3+X+l32+3T/f/" +
  "f/tt/77+77/9//b35u233vR///6///37fy7R3+vl//Ss///L8/f/d2vVf25+93/7/+/r9d7/3b1a/fpj+v7vN+93/p/cX7/d///7nzP9f9e83z97v+3//b7/" +
  "e+7/vt97/77//fb+Ak6c/+efn+e/8bf9f+fv99q5/s77b/+Hy3cx99/9/p/TXz//nt/x7b/+9vp////r/5//3//+P/f7j5/9f+vf6+//b+3999+v6r7uH7fe" +
  "vz3vHw==";
